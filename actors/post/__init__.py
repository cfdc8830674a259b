"""Mail: from a durable job to the customer's mailbox.

``mail`` says what a mail is, ``rendering`` and ``message`` turn it into words and bytes, a
``transport`` (``smtp``, ``development``) hands it on, and ``delivery`` keeps trying until the
mail's own deadline. Nothing here stores anything: the outbox in Redis is the memory, this is its
reader.
"""

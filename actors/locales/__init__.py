"""Every word a person reads in mails and on hosted pages, by language.

``words(locale)`` gives a language's ``Catalogue``; ``chosen`` says which one a reader gets. The
sentences lie in ``<language>/<part>.json``, one flat object a file: ``mails.json`` is the mails',
``pages.json`` the pages'; ``orders.json``, ``returns.json`` and ``actions.json`` are what both say
of orders, returns and action links. A message is named ``<part>.<name>``. English is the language
of record: what another one lacks is said in it.
"""

from doorward.actors.locales.catalogue import Catalogue, words
from doorward.actors.locales.choosing import AUTO, LANGUAGES, accepted, chosen
from doorward.actors.locales.numbers import minor_digits

__all__ = ["AUTO", "LANGUAGES", "Catalogue", "accepted", "chosen", "minor_digits", "words"]

"""Every word a person reads in mails and on hosted pages, by language.

``words(locale)`` gives a language's ``Catalogue``; ``chosen`` says which one a reader gets. The
sentences lie in ``<language>/<part>.json``, one flat object a file: ``mails.json`` is the mails',
``orders.json`` what mails and pages both say of orders, ``pages.json`` the pages'. A message is
named ``<part>.<name>``. English is the language of record: what another one lacks is said in it.
"""

from doorward.actors.locales.catalogue import Catalogue, words
from doorward.actors.locales.choosing import AUTO, LANGUAGES, accepted, chosen
from doorward.actors.locales.numbers import minor_digits

__all__ = ["AUTO", "LANGUAGES", "Catalogue", "accepted", "chosen", "minor_digits", "words"]

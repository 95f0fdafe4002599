"""The upstream conversations that mirror threads."""

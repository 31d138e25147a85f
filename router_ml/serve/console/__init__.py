"""The pages: rendered here, readable without JavaScript, and nothing in them comes from elsewhere.

``pages.py`` renders a template for whoever looks, ``viewer.py`` says who that is, ``words.py`` how values are written,
``charts/`` draws; a page is a file with a ``router`` and a template of its name.
"""

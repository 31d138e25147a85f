"""The gateway: everything the library does, over HTTP, for teams that do not write Python; and a console to look in.

    router-ml serve

``app.py`` puts it together, ``gateway.py`` is what one worker holds, ``access/`` says who may do what, ``api/`` has an
endpoint per file, ``console/`` the pages.
"""

"""`python -m ssgan_lite.editor` serves the face editor as a web page; see server.py."""

from ssgan_lite.editor.server import main

raise SystemExit(main())

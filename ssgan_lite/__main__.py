"""`python -m ssgan_lite` is `ssgan-lite`."""

from ssgan_lite.cli import main

raise SystemExit(main())

"""``python -m dialer.asr --fd N --model DIR``: a recogniser worker; the service starts it."""

import sys

from dialer.asr.worker import main

sys.exit(main())

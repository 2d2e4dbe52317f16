"""``python -m dialer.tts DIR SPEAKER SPEED``: speaks the texts that it reads; ``prompts build`` starts it."""

import sys

from dialer.tts.sherpa_worker import main

sys.exit(main())

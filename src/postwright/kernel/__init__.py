"""What every part needs and no part of it knows e-mail: settings, store access, clock, ids, logs, secrets."""

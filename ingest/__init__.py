"""MQTT to committed ledger to acknowledgement: the only MQTT subscriber."""

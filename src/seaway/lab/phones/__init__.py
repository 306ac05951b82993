"""Independent SIP phones driven by the lab: baresip, SIPp, Linphone."""

"""What happened to each document: messages, MDNs, attempts and deliveries."""

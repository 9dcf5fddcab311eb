// Package notification is the fourth service: it turns records of the ledgers into events, and events into messages for people
// and programs. A record becomes an event in the journal "events" (publisher), an event finds its subscriptions in the journal
// "matches" (matcher), and from there it goes to inboxes, webhooks and mail. It must never put a personal address or a
// secret into a ledger: those lie in the vault, where they can be erased.
package notification

// Package mail composes messages and hands them to a mail server (Relay): text and HTML, German and English, with the headers
// that let clients thread, recognise and unsubscribe them. It keeps nothing. It must never send in clear text beyond this machine, and
// what it says of a failure (Result) never holds an address or the words of the server, which may quote one.
package mail

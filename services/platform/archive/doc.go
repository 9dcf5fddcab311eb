// Package archive is the form of a backup: one file with the records of several streams, each up to the end that it had
// at one cut. It finds every altered or missing byte and says which records it concerns. It knows nothing of what the
// records mean nor of where they come from: that is package ledger's.
//
// A file is a line that names the form, then frames:
//
//	kind u8 | stream u16 | first sequence u64 | records u32 | length u32 | stored length u32 | stored bytes | sum 32 bytes
//
// little-endian. The sum is the SHA-256 of the sum before, the head and the stored bytes, so that the last one stands for
// the whole file. The first frame is the manifest and the last one the summary, both plain JSON; those between hold records
// of one stream, compressed with zstd: length of subject, subject, length of data, data; lengths are varints.
package archive

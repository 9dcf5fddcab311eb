package safexml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// place says in which kind of token the guard stands.
type place int

const (
	inText     place = iota
	afterOpen        // behind "<"
	afterBang        // behind "<!"
	inTag            // behind "<x", outside quotes
	inQuoted         // inside an attribute's value
	inInstr          // behind "<?", up to "?>"
	inComment        // behind "<!-", up to "-->"
	inCharData       // behind "<![", up to "]]>"
)

// guard passes bytes on while they keep the limits, following just enough of XML's grammar to know where tokens end.
type guard struct {
	in    io.Reader
	limit Limits

	started    bool
	total      int64
	size       int // of the token so far
	where      place
	quote      byte
	last, prev byte // the two bytes before, to see "-->", "]]>" and "?>" end
	err        error
}

// Read implements io.Reader; bytes up to a violation are delivered before the violation is.
func (g *guard) Read(p []byte) (int, error) {
	if g.err != nil {
		return 0, g.err
	}
	n, err := g.in.Read(p)
	if err != nil && err != io.EOF {
		err = &Error{Reason: ErrRead, Detail: err.Error(), cause: err}
	}
	g.err = err
	n = g.admit(p[:n])
	return n, g.err
}

// admit returns how many bytes of p may pass; g.err tells why it is not all.
func (g *guard) admit(p []byte) int {
	if !g.started && len(p) > 0 {
		g.started = true
		if looksUTF16(p) {
			g.err = &Error{Reason: ErrEncoding, Detail: "UTF-16"}
			return 0
		}
	}
	for i := 0; i < len(p); {
		n := g.step(p[i:])
		g.total += int64(n)
		if g.size > g.limit.Token {
			g.refuse(ErrTooLarge, fmt.Sprintf("one token longer than %d bytes", g.limit.Token))
		} else if g.total > g.limit.Bytes {
			g.refuse(ErrTooLarge, fmt.Sprintf("more than %d bytes", g.limit.Bytes))
		}
		if g.refused() {
			return i
		}
		i += n
	}
	return len(p)
}

// refused is whether the document may not go on; an error of reading leaves what was read before it.
func (g *guard) refused() bool {
	if g.err == nil {
		return false
	}
	var own *Error
	return errors.As(g.err, &own) && !errors.Is(own.Reason, ErrRead)
}

func (g *guard) refuse(reason error, detail string) {
	g.err = &Error{Reason: reason, Detail: detail}
}

// step consumes what cannot end the token at once: text up to the next "<", comments and CDATA up to the next ">".
// Anything else goes byte by byte.
func (g *guard) step(p []byte) int {
	n := 0
	switch g.where {
	case inText:
		n = until(p, '<')
	case inComment, inCharData:
		n = until(p, '>')
	}
	if n > 0 {
		if g.size += n; n > 1 {
			g.last = p[n-2]
		}
		g.prev, g.last = g.last, p[n-1]
		return n
	}
	c := p[0]
	g.size++
	g.advance(c)
	g.prev, g.last = g.last, c
	return 1
}

func until(p []byte, end byte) int {
	if n := bytes.IndexByte(p, end); n >= 0 {
		return n
	}
	return len(p)
}

// advance moves to the place behind byte c.
func (g *guard) advance(c byte) {
	switch g.where {
	case inText:
		g.where, g.size = afterOpen, 1
	case afterOpen:
		g.open(c)
	case afterBang:
		g.declare(c)
	case inTag:
		switch c {
		case '"', '\'':
			g.where, g.quote = inQuoted, c
		case '>':
			g.close()
		}
	case inQuoted:
		if c == g.quote {
			g.where = inTag
		}
	case inInstr, inComment, inCharData:
		if c == '>' && g.complete() {
			g.close()
		}
	}
}

// complete is whether a ">" ends the instruction, comment or CDATA that is being read.
func (g *guard) complete() bool {
	switch g.where {
	case inInstr:
		return g.last == '?' && g.size >= len("<??>")
	case inComment:
		// "<!-->" opens a comment and does not end it: seven bytes are the shortest whole one.
		return g.last == '-' && g.prev == '-' && g.size >= len("<!---->")
	default:
		return g.last == ']' && g.prev == ']'
	}
}

func (g *guard) open(c byte) {
	switch c {
	case '!':
		g.where = afterBang
	case '?':
		g.where = inInstr
	default:
		g.where = inTag
	}
}

func (g *guard) declare(c byte) {
	switch c {
	case '-':
		g.where = inComment
	case '[':
		g.where = inCharData
	default:
		g.refuse(ErrUnsafe, "DOCTYPE and entity declarations are not accepted")
	}
}

func (g *guard) close() {
	g.where, g.size = inText, 0
}

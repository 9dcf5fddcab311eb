package links_test

import (
	"strings"
	"testing"

	"kompass.krz.de/services/platform/links"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{ // the beginning of the German text
		"https://www.example.org": "", "http://example.org:8080/a?b=c&d=[1]#e": "ist keine", "HTTPS://Example.ORG/Hund": "", "https://bünde.example/straße": "",
		"https://xn--bnde-0ra.example/%C3%A4": "", "https://[2001:db8::1]/a": "", "https://192.0.2.1/": "", "http://example.org:8080/a?b=c#e": "",
		"https://例え.example/": "", "https://example.org.": "",
		"https://": "nennt hinter „https://“ keinen", "https:///pfad": "nennt hinter", "http://:80/a": "nennt hinter", "https://?a=b": "nennt hinter",
		"https://a..example/": "nennt hinter", "https://.example/": "nennt hinter",
		"https://name:wort@example.org/": "enthält einen Benutzernamen", "https://name@example.org": "enthält einen Benutzernamen", "https://@example.org": "enthält einen Benutzernamen",
		"www.example.org": "muss mit", "ftp://example.org": "muss mit", "javascript:alert(1)": "muss mit", "https:example.org": "muss mit", "//example.org": "muss mit",
		"mailto:stelle@example.org": "muss mit", "/hund": "muss mit", "": "muss mit",
		"https://example.org/a b": "enthält ein Zeichen", "https://example.org/\u200b": "enthält ein Zeichen", "https://example.org/\"": "enthält ein Zeichen",
		"https://example.org/{ags}": "enthält ein Zeichen", "https://exa mple.org": "enthält ein Zeichen", "https://example.org\\hund": "enthält ein Zeichen", "https://example.org/\xff": "enthält ein Zeichen",
		"https://example.org/%zz": "ist keine", "https://example.org/?a=%": "ist keine", "https://example.org/#a#b": "ist keine", "https://example.org/[a]": "ist keine",
		"https://example.org:hund/": "ist keine", "https://example.org:99999/": "nennt einen Port",
	} {
		de, en := links.Check(address)
		if de == "" != (want == "") || !strings.HasPrefix(de, want) || (de == "") != (en == "") {
			t.Errorf("%q: %q %q, want %q", address, de, en, want)
		}
	}
}

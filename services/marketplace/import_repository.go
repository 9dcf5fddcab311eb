package marketplace

import (
	"net/url"
	"regexp"
	"strings"
)

// maxAddress bounds the address of source code, as the contract bounds addresses.
const maxAddress = 2000

// scpAddress is how git writes a host reached by SSH: "git@example.org:project.git".
var scpAddress = regexp.MustCompile(`^[A-Za-z0-9._-]+@([A-Za-z0-9.-]+):/?([^/].*)$`)

// repositoryAddress reads the address of source code and answers it with http or https, so that one repository has one
// address however it is reached. False for what is no such address, and for one with a password or a name in it.
func repositoryAddress(text string) (string, bool) {
	if found := scpAddress.FindStringSubmatch(text); found != nil && !strings.Contains(text, "://") {
		text = "https://" + found[1] + "/" + found[2]
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || strings.Contains(u.Hostname(), ":") || len(text) > maxAddress || strings.ContainsAny(text, " \t\r\n") {
		return "", false
	}
	_, secret := u.User.Password()
	switch u.Scheme {
	case "http", "https":
		secret = secret || u.User != nil
	case "ssh", "git", "git+ssh", "git+https": // their ports are not those of the web
		u.Scheme, u.User, u.Host = "https", nil, u.Hostname()
	default:
		return "", false
	}
	u.Host = strings.ToLower(u.Host)
	return u.String(), !secret
}

// isWeb tells an address that a browser opens.
func isWeb(address string) bool {
	scheme, _, _ := strings.Cut(strings.ToLower(address), ":")
	return scheme == "http" || scheme == "https"
}

package gateway

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
)

// unpackUpload finds the file in the body: the body itself, whatever its type (curl --data-binary says it is a form), or
// the part "file" of a multipart form. An empty file goes to the service, which refuses it in its own words.
func (x *exchange) unpackUpload() bool {
	name, parameters := mediaType(x.req)
	if name != "multipart/form-data" {
		return true
	}
	file, err := partOf(x.body, parameters["boundary"])
	switch {
	case errors.Is(err, io.EOF):
		x.refuse(reasonInvalidField, violate("file", reasonInvalidField,
			"fehlt: das Formular muss die Datei im Teil „file“ enthalten", "is missing: the form has to have the file in its part \"file\""))
		return false
	case err != nil:
		x.cause = err.Error()
		x.refuse(reasonUploadBroken)
		return false
	}
	x.body = file
	return true
}

// partOf returns the content of the part "file"; io.EOF when there is none.
func partOf(body []byte, boundary string) ([]byte, error) {
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := reader.NextRawPart()
		if err != nil {
			return nil, err
		}
		if part.FormName() == "file" {
			return io.ReadAll(part)
		}
	}
}

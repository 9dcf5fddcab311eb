package identity

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// byToken tells whether the contract says that a method checks a token of its own, so that a caller needs no key.
func byToken(fullMethod string) bool {
	service, method, _ := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service + "." + method))
	m, isMethod := d.(protoreflect.MethodDescriptor)
	if err != nil || !isMethod {
		return false
	}
	has, _ := proto.GetExtension(m.Options(), commonv1.E_ByToken).(bool)
	return has
}

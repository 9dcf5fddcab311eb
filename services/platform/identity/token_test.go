package identity

import (
	"context"
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "kompass.krz.de/proto/kompass/catalogue/v1"
	_ "kompass.krz.de/proto/kompass/marketplace/v1"
	_ "kompass.krz.de/proto/kompass/municipality/v1"
	_ "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/fault"
)

// TestTokenMethods names all methods that check a token of their own: another one is a decision, not an accident. They need no key,
// and a wrong one is still refused.
func TestTokenMethods(t *testing.T) {
	t.Parallel()
	var found []string
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				if full := "/" + string(f.Services().Get(i).FullName()) + "/" + string(methods.Get(j).Name()); byToken(full) {
					found = append(found, full)
				}
			}
		}
		return true
	})
	slices.Sort(found)
	const service = "/kompass.notification.v1.NotificationService/"
	if want := []string{service + "ConfirmRecipient", service + "UnsubscribeRecipient"}; !slices.Equal(found, want) {
		t.Fatalf("by token: %v, want %v", found, want)
	}
	for _, method := range found {
		if actor, err := New("kompass_k").Authenticate(context.Background(), method); err != nil || actor != Anonymous {
			t.Errorf("%s without a key: %q %v", method, actor, err)
		}
		if _, err := New("kompass_k").Authenticate(bearer("Bearer kompass_x"), method); !fault.Is(err, fault.KeyInvalid) {
			t.Errorf("%s with a wrong key: %v", method, err)
		}
		if actor, err := New("kompass_k").Authenticate(bearer("Bearer kompass_k"), method); err != nil || actor != Administrator {
			t.Errorf("%s with the key: %q %v", method, actor, err)
		}
	}
	var refused *fault.Error
	if _, err := New("kompass_k").Authenticate(context.Background(), service+"EraseRecipient"); !errors.As(err, &refused) {
		t.Errorf("erasing without a key: %v", err)
	}
}

package wire_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

var rewrite = flag.Bool("rewrite", false, "write golden files anew")

// golden holds got against a file, which -rewrite writes.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; look at the change, then: go test ./internal/wire -run %s -rewrite\ngot:\n%s", path, t.Name(), got)
	}
}

// ERR-1: the numbers never move.
func TestErrorNumbers(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# code: number, connect, HTTP status, close code, retryable\n")
	for c := chat.CodeUnknown; c <= chat.CodeInternal; c++ {
		e := chat.Errorf(c, "some_reason", "x")
		fmt.Fprintf(&b, "%s: %d, %s, %d, %d, %v\n", wire.CodeToProto(c), wire.CodeToProto(c), wire.CodeToConnect(c),
			wire.HTTPStatus(c), wire.CloseCode(e), c.Retryable())
	}
	b.WriteString("# close codes\n")
	for _, n := range sortedKeys(throngv1.CloseCode_name) {
		fmt.Fprintf(&b, "%s: %d\n", throngv1.CloseCode_name[n], n)
	}
	golden(t, "errors.golden", b.String())
}

func TestCodesAreThoseOfTheSchema(t *testing.T) {
	t.Parallel()
	for n, name := range throngv1.Code_name {
		c, ok := wire.CodeFromProto(throngv1.Code(n))
		if ok != (n != 0) {
			t.Errorf("%s: known=%v", name, ok)
		}
		if ok && (int32(c) != n || wire.CodeToProto(c) != throngv1.Code(n)) {
			t.Errorf("%s is %d in chat, %d in the schema", name, c, n)
		}
	}
}

func TestErrorRoundTrip(t *testing.T) {
	t.Parallel()
	in := chat.Errorf(chat.CodeRateLimited, chat.ReasonRateLimited, "slow down")
	in.RetryAfter = 1500 * time.Microsecond
	out := wire.ErrorFrom(wire.Error(fmt.Errorf("sending: %w", in)))
	if out.Code != in.Code || out.Reason != in.Reason || out.Message != in.Message || out.RetryAfter != 2*time.Millisecond {
		t.Errorf("got %+v", out)
	}
	if wire.Error(nil) != nil {
		t.Error("an error out of none")
	}
}

// ERR-3: strangers read nothing of what happened inside.
func TestErrorHidesCauses(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		errors.New("secret: /var/lib/throng"),
		chat.Wrap(errors.New("secret"), chat.CodeUnavailable, chat.ReasonStorageUnavailable, "try again later"),
	} {
		if got := wire.Error(err).String(); strings.Contains(got, "secret") {
			t.Errorf("tells %q", got)
		}
	}
}

func TestCloseCodeByReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  *chat.Error
		want throngv1.CloseCode
	}{
		{chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenInvalid, "x"), throngv1.CloseCode_CLOSE_CODE_AUTH_FAILED},
		{chat.Errorf(chat.CodeUnauthenticated, chat.ReasonTokenExpired, "x"), throngv1.CloseCode_CLOSE_CODE_TOKEN_EXPIRED},
		{chat.Errorf(chat.CodeUnauthenticated, chat.ReasonAuthExpected, "x"), throngv1.CloseCode_CLOSE_CODE_AUTH_EXPECTED},
		{chat.Errorf(chat.CodeUnauthenticated, chat.ReasonSignedOut, "x"), throngv1.CloseCode_CLOSE_CODE_SIGNED_OUT},
		{chat.Errorf(chat.CodeForbidden, chat.ReasonUserDisabled, "x"), throngv1.CloseCode_CLOSE_CODE_USER_GONE},
		{chat.Errorf(chat.CodeUnavailable, chat.ReasonDraining, "x"), throngv1.CloseCode_CLOSE_CODE_DRAIN},
		{chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "x"), throngv1.CloseCode_CLOSE_CODE_OVERLOAD},
		{chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed, "x"), throngv1.CloseCode_CLOSE_CODE_BAD_FRAME},
	} {
		if got := wire.CloseCode(c.err); got != c.want {
			t.Errorf("%s: %v, want %v", c.err.Reason, got, c.want)
		}
	}
}

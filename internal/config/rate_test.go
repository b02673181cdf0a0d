package config_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/config"
)

func TestRatesHaveUnits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		toml, env string
		want      float64
		shown     string
	}{
		{toml: `"10/min"`, want: 10.0 / 60, shown: `rate = "10/min"`},
		{toml: `" 3 / h"`, want: 3.0 / 3600, shown: `rate = "3/h"`},
		{toml: `"5/d"`, want: 5.0 / 86400, shown: `rate = "5/d"`},
		{toml: `"0.5"`, want: 0.5, shown: `rate = "30/min"`},
		{toml: `0.16666666666666666`, want: 10.0 / 60, shown: `rate = "10/min"`},
		{toml: `7`, want: 7, shown: `rate = "7/s"`},
		{toml: `0`, want: 0, shown: `rate = "0"`},
		{toml: `0.1234567`, want: 0.1234567, shown: `rate = "0.1234567/s"`},
		{env: "2/min", want: 2.0 / 60, shown: `rate = "2/min"`},
	} {
		var text string
		var env []string
		if tc.toml != "" {
			text = "[limit.send_user]\nrate = " + tc.toml + "\nburst = 5\n"
		} else {
			env = []string{"THRONG_LIMIT_SEND_USER_RATE=" + tc.env}
		}
		l, err := load(t, text, env...)
		if err != nil {
			t.Errorf("%s%s: %v", tc.toml, tc.env, err)
			continue
		}
		if got := l.Config.Limit.SendUser.Rate; got != tc.want {
			t.Errorf("%s%s is %v per second, want %v", tc.toml, tc.env, got, tc.want)
		}
		var b bytes.Buffer
		if err := l.Print(&b); err != nil {
			t.Fatal(err)
		}
		_, table, _ := strings.Cut(b.String(), "[limit.send_user]\n")
		if !strings.HasPrefix(table, tc.shown+" ") {
			t.Errorf("%s%s is shown as %.40s, want %s", tc.toml, tc.env, table, tc.shown)
		}
	}
	for _, text := range []string{`"10/week"`, `"often"`, `"/min"`, `"10/"`, `true`} {
		if _, err := load(t, "[limit.send_user]\nrate = "+text+"\n"); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	if _, err := config.ParseRate("10/week"); err == nil || !strings.Contains(err.Error(), "10/min") {
		t.Errorf("the error shows no example: %v", err)
	}
}

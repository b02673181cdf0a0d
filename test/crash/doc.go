// Package crash cuts the power under the real store, again and again, and checks what comes back.
package crash

// Package failpoint names the places where tests make the process fail. In ordinary builds [Hit] is empty and is compiled
// away; with the build tag failpoint it runs what a test has set for the point. It imports nothing of ours.
package failpoint

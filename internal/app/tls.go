package app

import (
	"net"
	"path/filepath"

	"github.com/throng-im/throng/internal/certificate"
)

// certificatesFolder is in the data folder.
const certificatesFolder = "certificates"

// wireTLS readies the certificates where TLS ends in the process.
func (a *App) wireTLS() error {
	c := a.cfg.Server.TLS
	switch {
	case !a.serves() || a.options.Listener != nil:
	case c.Cert != "":
		files, err := certificate.OpenFiles(c.Cert, c.Key, a.log)
		if err != nil {
			return err
		}
		a.tls = files.Config()
	case len(c.Domains) > 0:
		port := 0
		if addr, ok := a.listener.Addr().(*net.TCPAddr); ok {
			port = addr.Port
		}
		a.certificates = certificate.NewAutomatic(certificate.Options{
			Domains: c.Domains, Email: c.Email, Directory: c.Directory, Folder: filepath.Join(a.cfg.Data, certificatesFolder), Port: port, Logger: a.log,
		})
		a.closers.add(a.certificates.Close)
		a.tls = a.certificates.Config()
	}
	return nil
}

// A Vault server for tests: Vault's own core, handler, policies, tokens and configuration, with the engines and
// the login methods that this program talks to, and nothing else. In memory, sealed and uninitialised at first.
//
//	real-vault server -config=FILE     serves until SIGINT, SIGTERM
//
// It takes the part of Vault's command line that start.mjs uses, so that either can be started there.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/plugin"
	"github.com/hashicorp/vault/command/server"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	config, err := readConfig(args)
	if err != nil {
		return err
	}
	logger := hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: os.Stderr})
	core, err := newCore(config, logger)
	if err != nil {
		return fmt.Errorf("cannot set up the core: %w", err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	if err := serve(core, config.Listeners[0], logger, stop); err != nil {
		return fmt.Errorf("cannot serve: %w", err)
	}
	return core.Shutdown()
}

// readConfig refuses what this server would silently do otherwise: other storage, TLS, several listeners.
func readConfig(args []string) (*server.Config, error) {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	path := flags.String("config", "", "the configuration file, as Vault's own")
	if len(args) == 0 || args[0] != "server" {
		return nil, errors.New("usage: real-vault server -config=FILE")
	}
	if err := flags.Parse(args[1:]); err != nil {
		return nil, err
	}
	config, err := server.LoadConfigFile(*path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the configuration: %w", err)
	}
	if config.Storage == nil || config.Storage.Type != "inmem" {
		return nil, errors.New("cannot use the configuration: this server has inmem storage only")
	}
	if len(config.Listeners) != 1 || config.Listeners[0].Type != "tcp" || !config.Listeners[0].TLSDisable {
		return nil, errors.New("cannot use the configuration: this server has one tcp listener, without TLS")
	}
	return config, nil
}

// newCore does what Vault's server command does, except that memory is never locked.
func newCore(config *server.Config, logger hclog.Logger) (*vault.Core, error) {
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, err
	}
	return vault.NewCore(&vault.CoreConfig{
		RawConfig:          config,
		Physical:           storage,
		StorageType:        config.Storage.Type,
		RedirectAddr:       config.APIAddr,
		Logger:             logger,
		DisableMlock:       true,
		BuiltinRegistry:    builtins{},
		CredentialBackends: map[string]logical.Factory{"plugin": plugin.Factory},
		LogicalBackends:    map[string]logical.Factory{"plugin": plugin.Factory, "kv": kv.Factory},
	})
}

// serve returns at the first signal. Requests that are under way then are cut off: the data ends with them.
func serve(core *vault.Core, settings *configutil.Listener, logger hclog.Logger, stop <-chan os.Signal) error {
	listener, err := net.Listen("tcp", settings.Address)
	if err != nil {
		return err
	}
	settings.MaxRequestSize = vaulthttp.DefaultMaxRequestSize
	settings.MaxRequestDuration = vault.DefaultMaxRequestDuration
	api := http.Server{
		Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
			Core:           core,
			ListenerConfig: settings,
		}),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       5 * time.Minute,
		ErrorLog:          logger.StandardLogger(nil),
	}
	ended := make(chan error, 1)
	go func() { ended <- api.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-stop:
		return api.Close()
	}
}

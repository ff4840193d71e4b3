// Vault for tests: the real core and HTTP API of HashiCorp Vault with everything in memory.
//
// It starts initialized and unsealed and prints one JSON line,
//
//	{"address":"http://127.0.0.1:43210","root_token":"…","unseal_key":"…"}
//
// then serves the ordinary API until SIGTERM or SIGINT. What Vault itself loads as plugins is
// linked in: auth methods `approle` and `jwt`, secrets engines `kv` and `transit`. They are
// mounted over the API, as an operator would. `PUT /v1/sys/seal` seals it, `PUT /v1/sys/unseal`
// with the printed key opens it again. Nothing is kept: ending the process forgets all.
package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/go-hclog"
	auth_jwt "github.com/hashicorp/vault-plugin-auth-jwt"
	secrets_kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/transit"
	vault_http "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

// The engines this program can mount, by the name used in sys/mounts and sys/auth.
var (
	credentials = map[string]logical.Factory{"approle": approle.Factory, "jwt": auth_jwt.Factory}
	engines     = map[string]logical.Factory{"kv": secrets_kv.Factory, "transit": transit.Factory}
)

// plugin_catalog answers Vault's question "is this name built in?". Without one, mounting panics.
type plugin_catalog struct{}

func (plugin_catalog) factory(name string, kind consts.PluginType) logical.Factory {
	switch kind {
	case consts.PluginTypeCredential:
		return credentials[name]
	case consts.PluginTypeSecrets:
		return engines[name]
	}
	return nil
}

func (c plugin_catalog) Contains(name string, kind consts.PluginType) bool {
	return c.factory(name, kind) != nil
}

func (c plugin_catalog) Get(name string, kind consts.PluginType) (func() (interface{}, error), bool) {
	factory := c.factory(name, kind)
	return func() (interface{}, error) { return factory, nil }, factory != nil
}

func (plugin_catalog) Keys(kind consts.PluginType) []string {
	names := []string{}
	for _, known := range []map[string]logical.Factory{credentials, engines} {
		for name := range known {
			if (plugin_catalog{}).Contains(name, kind) {
				names = append(names, name)
			}
		}
	}
	return names
}

func (c plugin_catalog) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, c.Contains(name, kind)
}

func (plugin_catalog) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }

// open_core makes a core on in-memory storage, initializes it with one key share and unseals it.
func open_core(log hclog.Logger) (*vault.Core, *vault.InitResult, error) {
	storage, err := inmem.NewInmem(nil, log)
	if err != nil {
		return nil, nil, fmt.Errorf("storage: %w", err)
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		StorageType:        "inmem",
		BuiltinRegistry:    plugin_catalog{},
		CredentialBackends: credentials,
		LogicalBackends:    engines,
		DisableMlock:       true,
		Logger:             log,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("core: %w", err)
	}
	opened, err := core.Initialize(context.Background(), &vault.InitParams{
		BarrierConfig: &vault.SealConfig{SecretShares: 1, SecretThreshold: 1},
	})
	if err != nil {
		return nil, nil, fmt.Errorf("initialize: %w", err)
	}
	if unsealed, err := core.Unseal(opened.SecretShares[0]); err != nil || !unsealed {
		return nil, nil, fmt.Errorf("unseal: %v", err)
	}
	return core, opened, nil
}

func run() error {
	port := flag.Int("port", 0, "port on 127.0.0.1; 0 takes a free one")
	level := flag.String("log-level", "warn", "trace, debug, info, warn or error; logs go to stderr")
	flag.Parse()

	log := hclog.New(&hclog.LoggerOptions{Name: "vault", Level: hclog.LevelFromString(*level)})
	core, opened, err := open_core(log)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		return err
	}
	server := http.Server{Handler: vault_http.Handler.Handler(&vault.HandlerProperties{
		Core:           core,
		ListenerConfig: &configutil.Listener{}, // the handler reads it without asking whether it is there
	})}
	if err := json.NewEncoder(os.Stdout).Encode(map[string]string{
		"address":    "http://" + listener.Addr().String(),
		"root_token": opened.RootToken,
		"unseal_key": hex.EncodeToString(opened.SecretShares[0]),
	}); err != nil {
		return err
	}

	stop, done := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer done()
	go func() {
		<-stop.Done()
		server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return core.Shutdown()
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "vault-server:", err)
		os.Exit(1)
	}
}

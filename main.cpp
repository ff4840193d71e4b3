// The command line: which of the things behalf does is asked for.
#include "config/commands.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>

using namespace behalf;

namespace {

// Else the next files that are opened take their numbers, and the log is written into those.
void hold_standard_descriptors() {
  int fd = 0;
  do
    fd = ::open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    ::close(fd);
}

// CLI11 says of a mistyped command only that one is missing.
std::string mistyped(const CLI::App& app, int argc, char** argv) {
  const CLI::App* at = &app;
  for (int i = 1; i < argc && argv[i][0] != '-'; ++i) {
    std::string names;
    const CLI::App* next = nullptr;
    for (const auto* sub : at->get_subcommands([](const CLI::App*) { return true; })) {
      names += (names.empty() ? "" : ", ") + sub->get_name();
      next = sub->get_name() == argv[i] ? sub : next;
    }
    if (names.empty())
      return {};
    if (!next)
      return "there is no command '" + std::string(argv[i]) + "'; there are: " + names;
    at = next;
  }
  return {};
}

int say_usage(const CLI::App& app, const std::string& why) {
  std::string command = "behalf";
  for (const auto* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  std::fprintf(stderr, "behalf: %s\nSee: %s --help\n", why.c_str(), command.c_str());
  return exit_usage;
}

void add_serving(CLI::App& app, serve_command& serve) {
  auto* dev = app.add_subcommand("dev", "Serve for development: embedded everything, test users");
  dev->add_option("--data", serve.data, "Folder for the data (default ./.behalf)")
    ->type_name("FOLDER");
  dev->add_flag("--no-auth", serve.no_auth,
                "Ask nobody who they are and allow everything, on this machine only");
  dev->add_flag(
    "--watch", serve.watch,
    "Load graph libraries, agents and what else holds at once anew when their files change");
  auto* real = app.add_subcommand("serve", "Serve as configured");
  dev->add_option("--config", serve.config, "Configuration file (YAML)")->type_name("FILE");
  real->add_option("--config", serve.config, "Configuration file (YAML)")
    ->type_name("FILE")
    ->required();
  for (auto* sub : {dev, real}) {
    sub->add_option("--host", serve.host, "Address to listen on, instead of the configured one")
      ->type_name("ADDRESS");
    sub->add_option("--port", serve.port, "Port to listen on; 0 is any free one")
      ->check(CLI::Range(0, 65535, "0-65535"))
      ->type_name("PORT");
  }
}

void add_secret(CLI::App& app, secret_command& secret) {
  auto* all = app.add_subcommand("secret", "Users' tokens in a secret store");
  all->require_subcommand(1);
  auto common = [&](const char* name, const char* help, bool about_one) {
    auto* sub = all->add_subcommand(name, help);
    sub->callback([&secret, name] { secret.verb = name; });
    sub->add_option("--config", secret.config, "Configuration file")->type_name("FILE");
    sub->add_option("--data", secret.data, "Data folder of `behalf dev`")->type_name("FOLDER");
    sub->add_option("--store", secret.store, "One of `secrets.others`")->type_name("NAME");
    if (std::string_view{name} == "rotate-master-key")
      return sub;
    auto* user = sub->add_option("--user", secret.subject, "Subject (`sub`) of the user");
    auto* issuer = sub->add_option("--issuer", secret.issuer, "Who vouches for the user (`iss`)");
    sub->add_option("--tenant", secret.tenant, "Tenant (default: default)");
    if (about_one) {
      user->required();
      issuer->required();
      sub->add_option("--service", secret.service, "Service, as configured")->required();
    }
    return sub;
  };
  auto* put = common("put", "Store a token; its value is read from standard input", true);
  put->add_option("--username", secret.username, "User name, for basic authentication");
  put->add_option("--expires-at", secret.expires_at, "When it ends, as 2027-01-31T00:00:00Z");
  common("list", "List what is stored, without values", false);
  common("delete", "Delete a token", true);
  common("rotate-master-key", "Wrap all data keys with a new master key", false)
    ->add_option("--new-key", secret.new_key, "Reference to the new key, file:… or env:…")
    ->required();
}

void add_storage(CLI::App& app, storage_command& storage) {
  auto* all = app.add_subcommand("storage", "The database");
  all->require_subcommand(1);
  auto add = [&](const char* name, const char* help) {
    auto* sub = all->add_subcommand(name, help);
    sub->callback([&storage, name] { storage.verb = name; });
    return sub;
  };
  auto config = [&](CLI::App* sub, const char* help) {
    return sub->add_option("--config", storage.config, help)->type_name("FILE");
  };
  auto* look = add("check", "Look for what is damaged");
  look->add_option("--file,file", storage.file, "The database (behalf.db)")
    ->type_name("FILE")
    ->required();
  look->add_flag("--set-aside", storage.set_aside, "Take records out that cannot be read");
  config(look, "Configuration file, to look into what is sealed");
  auto* recover = add("recover", "Save what can be read of a damaged one");
  recover->add_option("file", storage.file, "The damaged database")->type_name("FILE")->required();
  recover->add_option("new", storage.to, "The file to make")->type_name("NEW")->required();
  auto* reseal = add("reseal", "Make every record as `encryption` says: sealed, or not");
  reseal->add_flag("--new-data-keys", storage.new_data_keys, "Seal all with new data keys");
  auto* rotate = add("rotate-master-key", "Wrap all data keys with a new master key");
  rotate->add_option("--new-key", storage.new_key, "Reference to the new key, file:… or env:…")
    ->required();
  for (auto* sub : {reseal, rotate}) {
    config(sub, "Configuration file")->required();
    sub->add_option("--data", storage.data, "Data folder of `behalf dev`")->type_name("FOLDER");
  }
}

void add_api_key(CLI::App& app, api_key_command& key) {
  auto* sub = app.add_subcommand("api-key", "Make an API key; prints it and its configuration");
  sub->add_option("--subject", key.subject, "Which program or user it stands for")->required();
  sub->add_option("--tenant", key.tenant, "Tenant (default: default)");
  sub->add_option("--identity-prefix", key.identity_prefix, "Sets it apart from users, as key:");
  sub->add_option("--display-name", key.display_name, "For people");
  sub->add_option("--permission", key.permissions, "One it has; may be given again")
    ->allow_extra_args(false);
  sub->add_option("--expires-at", key.expires_at, "When it ends, as 2027-01-31T00:00:00Z");
}

void add_chat(CLI::App& app, chat_command& chat) {
  auto* sub = app.add_subcommand("chat", "Talk with an assistant of a server");
  sub->add_option("--url", chat.url, "The server (default http://127.0.0.1:2024)");
  sub->add_option("--agent", chat.agent, "Which assistant; not needed where there is one")
    ->type_name("NAME");
  auto* token =
    sub->add_option("--token", chat.token, "Who asks; better in the environment, as BEHALF_TOKEN");
  auto* user = sub->add_option("--user", chat.user, "Log in at a development issuer")
                 ->type_name("NAME")
                 ->excludes(token);
  sub->add_option("--password", chat.password, "Of that user (default: the name)")->needs(user);
  auto* login =
    sub->add_option("--login", chat.client, "Log in at the server's issuer, as this OAuth client")
      ->type_name("CLIENT")
      ->excludes(token)
      ->excludes(user);
  sub->add_option("--issuer", chat.issuer, "Where; not needed where the server names one")
    ->type_name("URL")
    ->needs(login);
  sub->add_option("--scope", chat.scope, "Of that login (default: openid)")->needs(login);
  sub->add_option("--thread", chat.thread, "Go on with this one")->type_name("ID");
  sub->add_option("--once", chat.once, "Ask this, print the answer alone, and end")
    ->type_name("QUESTION");
}

} // namespace

int main(int argc, char** argv) {
  hold_standard_descriptors();
  CLI::App app{"Behalf: agents that act on behalf of the user who called them"};
  app.name("behalf");
  app.require_subcommand(1);
  app.set_version_flag("--version", "behalf " BEHALF_VERSION, "Print the version");
  app.get_formatter()->column_width(34);
  serve_command serve;
  secret_command secret;
  storage_command storage;
  api_key_command key;
  token_command token;
  chat_command chat;
  validate_command valid;
  std::string audit_file, anchor;

  add_serving(app, serve);
  add_secret(app, secret);
  add_storage(app, storage);
  add_api_key(app, key);
  add_chat(app, chat);
  auto* validate = app.add_subcommand("validate", "Check a configuration file");
  validate->add_option("--config,config", valid.file, "Configuration file")
    ->type_name("FILE")
    ->required();
  auto* online = validate->add_flag("--online", valid.online,
                                    "Ask its models and services, and say what users will approve");
  validate->add_option("--as", valid.as, "Ask services with what this user has stored")
    ->type_name("USER")
    ->needs(online);
  validate->add_option("--data", valid.data, "Data folder of `behalf dev` (default ./.behalf)")
    ->type_name("FOLDER")
    ->needs(online);
  app.add_subcommand("schema", "Print the configuration's JSON Schema, for editors");
  new_command made;
  auto* make =
    app.add_subcommand("new", "Make a folder with a graph, its test and its configuration");
  make->add_option("name", made.name, "Of the folder, and of the graph or agent")
    ->type_name("NAME")
    ->required();
  make->add_flag("--agent", made.agent, "With an agent that the configuration declares, instead");
  auto* audit = app.add_subcommand("audit", "The audit log");
  audit->require_subcommand(1);
  auto* verify = audit->add_subcommand("verify", "Check that no line was changed or removed");
  verify->add_option("--file,file", audit_file, "The log (audit.jsonl)")
    ->type_name("FILE")
    ->required();
  verify->add_option("--anchor", anchor, "<line>:<hash> noted earlier; must still be there");
  audit->add_subcommand("repair", "Cut a broken end off, and keep it beside the log")
    ->add_option("--file,file", audit_file, "The log (audit.jsonl)")
    ->type_name("FILE")
    ->required();
  auto* log_in = app.add_subcommand("token", "Log in at a development issuer; prints the token");
  log_in->add_option("--url", token.url, "The server")->required();
  log_in->add_option("--user", token.user, "User name")->required();
  log_in->add_option("--password", token.password, "Password")->required();
  app.add_subcommand("version", "Print the version");

  if (auto why = mistyped(app, argc, argv); !why.empty())
    return say_usage(app, why);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) { // help and version
    return app.exit(e);
  } catch (const CLI::ExtrasError&) {
    std::string extras;
    for (const auto& one : app.remaining(true))
      if (!app.got_subcommand("chat"))
        extras += " " + one;
      else if (one.starts_with("--")) // others may be a token, as what follows a '=' may
        extras += " " + one.substr(0, one.find('='));
    return say_usage(app, extras.empty() ? "what is no option is not expected"
                                         : "not expected:" + extras);
  } catch (const CLI::RequiredError& e) { // of a file it names the long form, which nobody needs
    const std::string_view why = e.what();
    const bool plain =
      why.starts_with("--file ") || (why.starts_with("--config ") && validate->parsed());
    return say_usage(app, plain ? "FILE is required" : e.what());
  } catch (const CLI::ParseError& e) {
    return say_usage(app, e.what());
  }
  if (app.got_subcommand("version")) {
    std::printf("behalf %s\n", BEHALF_VERSION);
    return exit_ok;
  }
  if (app.got_subcommand("validate"))
    return run_validate(valid);
  if (app.got_subcommand("new"))
    return run_new(made);
  if (app.got_subcommand("schema"))
    return run_schema();
  if (app.got_subcommand("secret"))
    return run_secret(secret);
  if (app.got_subcommand("api-key"))
    return run_api_key(key);
  if (app.got_subcommand("storage"))
    return run_storage(storage);
  if (audit->parsed() && audit->got_subcommand("repair"))
    return run_audit_repair(audit_file);
  if (app.got_subcommand("audit"))
    return run_audit_verify(audit_file, anchor);
  if (app.got_subcommand("token"))
    return run_token(token);
  if (app.got_subcommand("chat"))
    return run_chat(chat);
  serve.dev = app.got_subcommand("dev");
  return run_serve(serve);
}

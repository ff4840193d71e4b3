// The subcommands of `behalf`, apart from serving: each returns the process's exit code.
#pragma once

#include "behalf/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

/// What `behalf` ends with; documented in docs/cli.md.
enum exit_code : int {
  exit_ok = 0,
  exit_failed = 1,     // what was asked could not be done
  exit_usage = 2,      // the command line is wrong
  exit_config = 3,     // the configuration is wrong
  exit_unavailable = 4 // a neighbour (port, server, store) is not there
};

/// Of a command that asks a server: what its failure ends with.
constexpr int exit_of(const error& why) {
  return why.code == errc::invalid_argument                        ? exit_usage
         : why.code == errc::upstream || why.code == errc::timeout ? exit_unavailable
                                                                   : exit_failed;
}

struct validate_command {
  std::string file;
  bool online = false;            // asks the models and services, too
  std::string as;                 // a user whose tokens they are asked with
  std::string data = "./.behalf"; // of `behalf dev`, which may have those
};
int run_validate(const validate_command& given);

/// Prints the JSON Schema of the configuration file.
int run_schema();

struct new_command {
  std::string name;
  bool agent = false; // one that a configuration declares, in place of a graph in C++
};
/// Makes a folder of that name, with a graph that builds, or an agent that can be served at once.
int run_new(const new_command& given);

struct secret_command {
  std::string verb;         // put, list, delete, rotate-master-key
  std::string config, data; // a file, or the folder of `behalf dev`
  std::string store;        // of `secrets.others`; empty: the standard one
  std::string tenant = "default", issuer, subject, service;
  std::string username, expires_at, new_key; // new_key: a reference
};
/// `put` reads the value from standard input, so that it is in no argument list.
int run_secret(const secret_command& given);

struct storage_command {
  std::string verb;           // check, recover, reseal, rotate-master-key
  std::string file, to;       // check, recover: the database; recover: the file to make
  std::string config, data;   // where the key is, and of the last two the database
  std::string new_key;        // rotate-master-key: a reference
  bool set_aside = false;     // check: takes out what cannot be read
  bool new_data_keys = false; // reseal
};
int run_storage(const storage_command& given);

int run_audit_verify(const std::string& file, const std::string& anchor);
int run_audit_repair(const std::string& file);

struct api_key_command {
  std::string subject, tenant = "default", identity_prefix, display_name;
  std::vector<std::string> permissions;
  std::string expires_at;
};
/// Prints a new API key, alone on the first line, then the entry of `keys` that makes it valid.
int run_api_key(const api_key_command& given);

struct token_command {
  std::string url, user, password;
};
/// Logs in at a server's development issuer and prints the token alone.
int run_token(const token_command& given);

/// The token itself. Error: invalid_argument for the URL, denied when there is no such issuer or
/// user, upstream or timeout when nobody answers.
result<std::string> development_token(const token_command& given);

struct chat_command {
  std::string url = "http://127.0.0.1:2024";
  std::string agent;               // empty: the thread's, or the server's only one
  std::string token;               // empty: BEHALF_TOKEN
  std::string user, password;      // instead of a token: of the server's development issuer
  std::string client;              // instead of these: logs in at the issuer as this one
  std::string issuer;              // empty: the one that the server names
  std::string scope = "openid";    // of that login
  std::string thread;              // empty: a new one
  std::optional<std::string> once; // one question, whose answer alone is printed
};
/// Talks with an assistant of any server of the Agent Server API.
int run_chat(const chat_command& given);

struct serve_command {
  bool dev = false;
  bool no_auth = false, watch = false; // of dev
  std::string config, host, data = "./.behalf";
  int port = -1; // -1: as configured
};
int run_serve(const serve_command& given);

} // namespace behalf

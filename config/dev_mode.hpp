// `behalf dev`: embedded everything, in one data folder, without a configuration or with one.
#pragma once

#include "config/config.hpp"
#include "runtime/auth/dev_issuer.hpp"

#include <memory>
#include <string>

namespace behalf {

/// Completes a configuration for development: data in `folder` (made if missing), an embedded
/// secret store with a key of its own, the development issuer at `base_url` + "/dev". What the
/// file says stays. Without a file: users alice and bob, the graph hello.
/// With `no_auth`, or `dev.no_auth` of the file, nobody has an identity and everything is allowed,
/// whatever the file says. Error: internal, when the folder cannot be made or closed to others, or
/// has other things in it and is open to others.
result<void> complete_for_dev(config& c, const std::string& folder, bool from_file,
                              bool no_auth = false);

/// What of the standard secret store is in the folder of `behalf dev`: "/secrets.db", or
/// "/master.key" where the configuration places the rest elsewhere; "" where it does so with all.
std::string kept_in_dev_folder(const secrets_config& c);

/// Adds the issuer, once the address is known. Error: internal, naming the key file.
result<std::shared_ptr<shared_issuer>> add_dev_issuer(config& c, const std::string& folder,
                                                      const std::string& base_url);

} // namespace behalf

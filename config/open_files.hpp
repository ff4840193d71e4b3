// How many files and sockets the system lets this process have open at once.
#pragma once

#include <cstddef>

namespace behalf {

/// Raises the limit as far as this process may, and answers what it is then.
std::size_t raise_open_files();

/// How many of `wanted` connections there can be with so many open files. The rest is for the
/// database, the log and calls to the outside: strangers' sockets must not take those.
std::size_t connections_within(std::size_t wanted, std::size_t open_files);

} // namespace behalf

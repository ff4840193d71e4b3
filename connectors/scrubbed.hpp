// Scrubs what a connector decoded from replies of the credentials that its calls were made with.
#pragma once

#include "connectors/connector.hpp"

#include <memory>

namespace behalf {

/// Drives like `inner`. Its reply's headers and body (every string and key), or its error, are
/// scrubbed with what came along with each reply it was given.
std::unique_ptr<connector> scrub_replies_of(std::unique_ptr<connector> inner);

} // namespace behalf

// Calls on an embeddings endpoint of the OpenAI kind: texts in, vectors out.
#pragma once

#include "behalf/outbound.hpp"
#include "connectors/service_options.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace behalf {

using embedding = std::vector<float>;

/// POST {url}/embeddings.
outbound_call embeddings_call(const service_options& service, sealed_handle handle,
                              const std::string& model, const std::vector<std::string>& texts);

/// A vector of `dims` numbers and length 1 for each of `count` texts, in their order. Errors:
/// invalid_argument when the endpoint refuses these texts (400, 413, 422), overloaded with
/// Retry-After when it says to come again, upstream for anything else.
result<std::vector<embedding>> read_embeddings(const outbound_reply& reply, std::size_t count,
                                               std::size_t dims);

/// What Retry-After says in seconds, ten minutes at most; nullopt when it says nothing readable.
std::optional<std::chrono::seconds> retry_after(const header_list& headers);

} // namespace behalf

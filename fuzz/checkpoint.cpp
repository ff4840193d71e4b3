// Rows of a checkpoint's chain, whatever they hold, restore to values or to an error.
#include "runtime/graph/checkpoint.hpp"

#include "fuzz/fuzz.hpp"

using namespace behalf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider in{data, size};
  std::vector<checkpoint_doc> chain;
  std::string parent;
  for (int i = in.ConsumeIntegralInRange(1, 4); i > 0; --i) {
    auto full = in.ConsumeBool();
    auto follows = in.ConsumeBool();
    auto body = parse_json(in.ConsumeRandomLengthString(512));
    auto metadata = parse_json(in.ConsumeRandomLengthString(128));
    if (!body || !body->is_object())
      continue;
    auto id = std::to_string(chain.size());
    auto doc = checkpoint_doc::from(id, follows ? parent : "?", "", full,
                                    metadata && metadata->is_object() ? metadata->get_object()
                                                                      : json::object{},
                                    body->get_object(), {});
    if (!doc)
      continue;
    // What was read can be written, and says the same then.
    auto again =
      checkpoint_doc::from(id, doc->parent_id, "", full, doc->metadata(), doc->body(), {});
    fuzz::require(again && dump(again->body()) == dump(doc->body()),
                  "a checkpoint that was read reads the same again");
    parent = id;
    chain.push_back(std::move(*doc));
  }
  static_cast<void>(restore_chain(chain));
  return 0;
}

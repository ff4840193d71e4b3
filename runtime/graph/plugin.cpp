#include "behalf/plugin.hpp"

#include "runtime/base/among.hpp"
#include "runtime/base/log.hpp"
#include "runtime/base/text.hpp"
#include "runtime/graph/graph.hpp"
#include "runtime/graph/load_plugin.hpp"

#include <array>
#include <cstring>
#include <dlfcn.h>
#include <elf.h>
#include <filesystem>
#include <fstream>

namespace behalf {
namespace {

error refused(const std::string& path, const std::string& why) {
  return fail(errc::invalid_argument, "the plugin " + path + " cannot be used: " + why);
}

// "threads.create", "threads", "*.create", "*".
bool known_key(std::string_view key) {
  constexpr std::array<std::string_view, 5> resources{"*", "threads", "assistants", "crons",
                                                      "store"};
  constexpr std::array<std::string_view, 9> actions{
    "create", "read", "update", "delete", "search", "create_run", "put", "get", "list_namespaces"};
  auto dot = key.find('.');
  if (dot == key.npos)
    return among(resources, key);
  return among(resources, key.substr(0, dot)) && among(actions, key.substr(dot + 1));
}

// Whether the file has all that its headers say: the loader maps what is missing all the same, and
// the process ends by a signal once something reads it. What is no library the loader refuses.
bool is_cut_off(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::error_code ec;
  const uint64_t size = std::filesystem::file_size(path, ec);
  Elf64_Ehdr head{};
  if (ec || !file.read(reinterpret_cast<char*>(&head), sizeof head)
      || std::memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64)
    return false;
  auto missing = [&](uint64_t from, uint64_t bytes) { return from > size || bytes > size - from; };
  if (missing(head.e_phoff, uint64_t{head.e_phnum} * sizeof(Elf64_Phdr))
      || missing(head.e_shoff, uint64_t{head.e_shnum} * sizeof(Elf64_Shdr)))
    return true;
  file.seekg(static_cast<std::streamoff>(head.e_phoff));
  for (Elf64_Phdr part{}; head.e_phnum > 0; --head.e_phnum)
    if (!file.read(reinterpret_cast<char*>(&part), sizeof part)
        || (part.p_type == PT_LOAD && missing(part.p_offset, part.p_filesz)))
      return true;
  return false;
}

// The card, checked before any C++ object crosses the border.
result<const plugin_card*> read_card(void* library, const std::string& path) {
  using card_fn = const plugin_card* (*)();
  auto card_of = reinterpret_cast<card_fn>(::dlsym(library, "behalf_plugin"));
  const auto* card = card_of ? card_of() : nullptr;
  if (!card || !card->magic || std::strcmp(card->magic, "behalf-plugin") != 0)
    return refused(path, "it does not say BEHALF_PLUGIN(…)");
  if (!card->version || !card->abi || !card->fill)
    return refused(path, "what it says with BEHALF_PLUGIN(…) is incomplete");
  if (std::strcmp(card->version, BEHALF_VERSION) != 0)
    return refused(path, std::string("it was built for behalf ") + card->version + ", this is "
                           + BEHALF_VERSION);
  if (std::strcmp(card->abi, BEHALF_ABI) != 0)
    return refused(path, std::string("it was built with ") + card->abi + ", this server with "
                           + BEHALF_ABI);
  return card;
}

} // namespace

auth_request::~auth_request() {
  wipe(query.data(), query.size());
  for (auto& [name, value] : headers)
    wipe(value.data(), value.size());
}

std::string_view auth_request::bearer() const {
  auto all = authorization.view();
  constexpr std::string_view scheme = "bearer ";
  if (all.size() <= scheme.size())
    return {};
  for (std::size_t i = 0; i < scheme.size(); ++i)
    if ((all[i] | 0x20) != (scheme[i] | 0x20))
      return {};
  return all.substr(scheme.size());
}

outbound_request::outbound_request(std::string_view service, std::string_view url)
  : awaiting<outbound_reply>(outbound_call{}) {
  call().service = service;
  call().url = url;
}

outbound_call& outbound_request::call() {
  return std::get<outbound_call>(what_);
}

outbound_request& outbound_request::method(std::string_view name) {
  call().method = name;
  return *this;
}

outbound_request& outbound_request::header(std::string_view name, std::string_view value) {
  call().headers.emplace_back(name, value);
  return *this;
}

outbound_request& outbound_request::body(std::string_view bytes) {
  call().body = bytes;
  return *this;
}

outbound_request& outbound_request::timeout(std::chrono::milliseconds time) {
  call().timeout = time;
  return *this;
}

outbound_request& outbound_request::as_caller() {
  call().handle.id = caller_handle;
  return *this;
}

void plugin_registry::graph(result<std::shared_ptr<const behalf::graph>> made,
                            std::string description) {
  if (!made)
    return faults_.push_back(made.error().message);
  add({(*made)->name(), std::move(description), *made});
}

void plugin_registry::graph(std::string name, graph_factory make, std::string description) {
  if (name.empty() || !make)
    return faults_.push_back("a graph that a factory makes needs a name and the factory");
  add({std::move(name), std::move(description), nullptr, std::move(make)});
}

void plugin_registry::tool(function_tool one) {
  const auto& name = one.what.name;
  if (name.empty() || name.size() > 64 || !made_of(name, "-_") || is_digit(name[0])
      || name[0] == '-')
    return faults_.push_back("the tool '" + name
                             + "' needs a name of at most 64 letters, digits, '-' and '_', which "
                               "begins with a letter");
  if (!one.call)
    return faults_.push_back("the tool '" + name + "' has no function");
  for (const auto& other : tools_)
    if (other.what.name == name)
      return faults_.push_back("the tool '" + name + "' is registered twice");
  tools_.push_back(std::move(one));
}

void plugin_registry::add(registered_graph one) {
  if (find(one.name))
    return faults_.push_back("the graph '" + one.name + "' is registered twice");
  graphs_.push_back(std::move(one));
}

const registered_graph* plugin_registry::find(std::string_view name) const {
  for (const auto& one : graphs_)
    if (one.name == name)
      return &one;
  return nullptr;
}

void plugin_registry::authenticate(authenticate_fn handler) {
  if (authenticate_)
    return faults_.push_back("there is more than one authenticate handler");
  authenticate_ = std::move(handler);
}

void plugin_registry::on(std::string key, on_handler handler) {
  if (!known_key(key))
    return faults_.push_back("'" + key
                             + "' names no resource and action: it is like threads.create, "
                               "threads, *.create or *");
  if (!handlers_.emplace(key, std::move(handler)).second)
    faults_.push_back("there is more than one on handler for '" + key + "'");
}

result<void> load_plugin(const std::string& path, plugin_registry& into) {
  // A bare name would be searched in the system's library folders.
  auto place = path.find('/') == path.npos ? "./" + path : path;
  if (is_cut_off(place))
    return refused(path,
                   "the file ends too soon: it is still being written, or was not copied whole");
  // Its code runs from here on: should it end the process, this line says whose it was.
  log::info("library_loading", {{"library", path}});
  void* library = ::dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = ::dlerror();
    return refused(path, why ? why : "it cannot be loaded");
  }
  auto card = read_card(library, path);
  if (!card) {
    ::dlclose(library);
    return card.error();
  }
  auto before = into.faults().size();
  try {
    (*card)->fill(into);
  } catch (...) {
    return refused(path, "registering failed: " + current_exception_error().message);
  }
  if (into.faults().size() > before)
    return refused(path, into.faults()[before]);
  return {};
}

} // namespace behalf

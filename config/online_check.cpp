#include "config/online_check.hpp"

#include "agents/models/wire.hpp"
#include "agents/nodes/agent_state.hpp"
#include "agents/response.hpp"
#include "agents/tools/tool_list.hpp"
#include "behalf/messages.hpp"
#include "config/assemble.hpp"
#include "config/chat_stream.hpp"
#include "config/dev_mode.hpp"
#include "config/outside_calls.hpp"
#include "config/told_about.hpp"
#include "connectors/http_service.hpp"
#include "connectors/registry.hpp"
#include "connectors/scrubbed.hpp"
#include "runtime/net/codec.hpp"
#include "secrets/embedded_store.hpp"
#include "secrets/inject.hpp"
#include "secrets/references.hpp"

#include <algorithm>
#include <cstdio>
#include <future>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace behalf {
namespace {

using namespace std::chrono_literals;

constexpr auto time_for_all = 30s;
constexpr auto time_for_one = 10s;
constexpr std::size_t most_asked_with_tools = 20; // agents: each costs its tools' tokens
constexpr int64_t few_tokens = 16;                // the least that every provider takes

enum class standing : uint8_t { fine, failed, not_asked };

struct finding {
  standing how = standing::fine;
  std::string says;
  json::value tools = nullptr; // of an MCP service: what it listed
};

using credential_ptr = std::shared_ptr<const credential_writer>;

struct found_credential {
  credential_ptr writer; // null: the service takes none, or `why` says what is missing
  std::optional<finding> why;
  std::string whose = {}; // of a user's: the issuer that says who it is
};

finding failed(std::string why) {
  return {standing::failed, std::move(why)};
}

// --- credentials -------------------------------------------------------------------------------

// The operator's keys, and those of one user.
class keys {
public:
  keys(const config& c, const std::string& base, const validate_command& given)
    : config_(c), base_(base), references_(base), as_(given.as), data_(given.data) {}

  found_credential of(const service_options& service) {
    switch (service.credential.from) {
    case credential_source::none:
      return {};
    case credential_source::server:
      return operators(service);
    case credential_source::secrets:
      return users(service);
    case credential_source::principal:
      break;
    }
    return {nullptr, finding{standing::not_asked, "takes what comes with each user's request"}};
  }

private:
  found_credential written(const service_options& service, stored_credential_ptr what) const {
    auto writer = make_writer(service.credential.inject, std::move(what));
    if (!writer)
      return {nullptr, failed("the key cannot be sent: " + writer.error().message)};
    return {std::move(*writer), std::nullopt};
  }

  found_credential operators(const service_options& service) {
    for (const auto& one : config_.server_keys) {
      if (one.service != service.name)
        continue;
      auto value = references_.resolve(one.reference);
      if (!value)
        return {nullptr, failed("its key is missing: " + value.error().message)};
      return written(service, std::make_shared<const stored_credential>(
                                stored_credential{secret{(*value)->expose()}}));
    }
    return {nullptr, failed("its key is missing")};
  }

  found_credential users(const service_options& service) {
    if (as_.empty())
      return {nullptr, finding{standing::not_asked, "needs a user's token: --as USER"}};
    if (service.credential.store.empty() && !kept_in_dev_folder(config_.secrets).empty())
      return {nullptr, failed("no secrets are stored in " + data_
                              + "; --data DIR names the folder of the `behalf dev` that has them")};
    auto opened = store_of(service);
    if (!opened)
      return {nullptr, failed("its secret store cannot be opened: " + opened.error().message)};
    auto* store = *opened;
    if (!store)
      return {nullptr, finding{standing::not_asked, "its secret store opens to users alone"}};
    auto owners = store->owners();
    if (!owners)
      return {nullptr, failed(owners.error().message)};
    for (const auto& who : *owners)
      if (who.subject == as_)
        if (auto found = store->get({who, std::string(service.credential_name())})) {
          auto made =
            written(service, std::make_shared<const stored_credential>(std::move(*found)));
          made.whose = who.issuer.empty() ? "--no-auth" : who.issuer;
          return made;
        }
    return {nullptr,
            failed(as_ + " has stored no '" + std::string(service.credential_name()) + "'")};
  }

  // Null: no store that can be opened without a user's token.
  result<embedded_store*> store_of(const service_options& service) {
    const auto& name = service.credential.store;
    auto& open = stores_[name];
    const auto* settings = config_.secrets.find(name);
    if (!open && settings && settings->type == secret_store_config::backend::embedded) {
      auto made = open_secrets(config_, base_, name);
      if (!made)
        return made.error();
      open = std::move(*made);
    }
    return dynamic_cast<embedded_store*>(open.get());
  }

  const config& config_;
  const std::string& base_;
  reference_resolver references_;
  const std::string &as_, &data_;
  std::map<std::string, std::unique_ptr<secret_source>, std::less<>> stores_;
};

// --- calls -------------------------------------------------------------------------------------

struct questioner {
  const service_registry& services;
  client_options egress;
  deadline by;

  // `open` gives the connector.
  template <class Open>
  result<service_reply> ask(const std::string& service, const credential_ptr& credential,
                            Open open) const {
    auto machine = open(services);
    if (!machine)
      return machine.error();
    auto calls = outside_calls::create(egress, by);
    if (!calls)
      return calls.error();
    wire_request sample;
    sample.policy = services.policy(service);
    sample.credential = credential;
    sample.max_reply_bytes = services.find(service)->max_reply_bytes;
    return (*calls)->carry_out(**machine, sample);
  }

  result<service_reply> ask_provider(const model_options& model, const credential_ptr& credential,
                                     http_operation what) const {
    return ask(model_service(model.name), credential, [&](const service_registry& all) {
      return all.open(model_call{model.name, std::move(what)}, {});
    });
  }
};

// --- models ------------------------------------------------------------------------------------

http_operation list_of(const model_options& model) {
  http_operation list{"GET", "/models"};
  if (model.type == model_type::gemini)
    list.path = "/v1beta/models/" + percent_encode(model.model);
  if (model.type == model_type::anthropic) {
    list.path = "/v1/models?limit=1000";
    list.headers = {{"anthropic-version", "2023-06-01"}};
  }
  return list;
}

// Whether the reply to that lists the model.
bool lists(const model_options& model, const json::value& body) {
  if (!body.is_object())
    return false;
  if (model.type == model_type::gemini)
    return string_or(body.get_object(), "name").ends_with(model.model);
  const auto* all = member(body.get_object(), "data");
  if (!all || !all->is_array())
    return false;
  return std::any_of(all->get_array().begin(), all->get_array().end(), [&](const auto& one) {
    return one.is_object() && string_or(one.get_object(), "id") == model.model;
  });
}

std::string text_of_body(const json::value& body) {
  return body.is_string() ? std::string(body.get_string()) : dump(body);
}

chat_request short_question() {
  return chat_request{list(human("Say yes."))};
}

// What a 404 may come from, beside a model that is not there.
std::string hint_about_url(const questioner& q, const model_options& model) {
  const auto& url = q.services.find(model_service(model.name))->url;
  const auto path = url.find('/', url.find("://") + 3);
  const bool by_v1 = model.type == model_type::openai || model.type == model_type::openai_chat;
  return by_v1 && (path == url.npos || path + 1 == url.size())
           ? "; base_url has no path, and mostly ends with /v1"
           : "";
}

finding ask_shortly(const questioner& q, const model_options& model,
                    const credential_ptr& credential, chat_request question = short_question()) {
  if (!model.parameters.contains("thinking")) // which is to be shorter than the answer
    question.parameters["max_tokens"] = few_tokens;
  auto worded = wire_of(model.type).request(model, question);
  if (!worded)
    return failed(worded.error().message);
  worded->stream = false; // the reply is read as a whole
  auto reply = q.ask_provider(model, credential, std::move(*worded));
  if (!reply)
    return failed(reply.error().message);
  if (reply->status == 200)
    return {standing::fine, "answers (a question of a few tokens was asked)"};
  auto why = wire_of(model.type).failure(reply->status, reply->headers, text_of_body(reply->body));
  return failed(why.why.kind + ": " + why.why.message
                + (reply->status == 404 ? hint_about_url(q, model) : ""));
}

finding check_model(const questioner& q, const model_options& model,
                    const credential_ptr& credential) {
  auto reply = q.ask_provider(model, credential, list_of(model));
  if (!reply && reply.error().code != errc::upstream)
    return failed(reply.error().message);
  if (reply && reply->status == 401) {
    auto why = wire_of(model.type).failure(401, reply->headers, text_of_body(reply->body));
    return failed("model_refused_key: " + why.why.message);
  }
  if (reply && reply->status == 200 && lists(model, reply->body))
    return {standing::fine, "its provider lists it, and takes the key"};
  // There is no list, or it does not have the model, which may have other names.
  return ask_shortly(q, model, credential);
}

// One text is embedded. `dims`: how many numbers a vector is to have; 0 for any.
finding check_embeddings(const questioner& q, const std::string& service, const std::string& model,
                         std::size_t dims, const credential_ptr& credential) {
  json::object text{{"model", model}, {"input", list("yes")}};
  const auto reply = q.ask(service, credential, [&](const service_registry& all) {
    return result<std::unique_ptr<connector>>(scrub_replies_of(
      open_http_service(all.find(service), {"POST", "/embeddings", {}, std::move(text)}, {})));
  });
  if (!reply)
    return failed(reply.error().message);
  if (reply->status != 200) {
    const auto body = text_of_body(reply->body);
    const auto why = wire_of(model_type::openai).failure(reply->status, reply->headers, body).why;
    return failed(why.kind + ": " + why.message);
  }
  const auto* all = member(reply->body, "data");
  const auto* first =
    all && all->is_array() && !all->get_array().empty() ? &all->get_array()[0] : nullptr;
  const auto* numbers = first ? member(*first, "embedding") : nullptr;
  if (!numbers || !numbers->is_array() || numbers->get_array().empty())
    return failed("its answer holds no vector");
  const auto size = numbers->get_array().size();
  const auto made = "makes vectors of " + std::to_string(size) + " numbers";
  if (dims != 0 && dims != size)
    return failed(made + ", and store.index.dims is " + std::to_string(dims));
  return {standing::fine, made};
}

// --- services ----------------------------------------------------------------------------------

std::size_t count_of_tools(const json::value& listed) {
  const auto* tools = listed.is_object() ? member(listed.get_object(), "tools") : nullptr;
  return tools && tools->is_array() ? tools->get_array().size() : 0;
}

finding check_service(const questioner& q, const service_options& service,
                      const credential_ptr& credential) {
  auto reply = q.ask(service.name, credential, [&](const service_registry& all) {
    return all.open(service_call{service.name, list_tools_operation{}}, {});
  });
  if (!reply)
    return failed((reply.error().kind.empty() ? "" : reply.error().kind + ": ")
                  + reply.error().message);
  const auto count = count_of_tools(reply->body);
  return {standing::fine, std::to_string(count) + (count == 1 ? " tool" : " tools"),
          std::move(reply->body)};
}

// What its OpenAPI document makes of an HTTP service; nothing is asked for that.
finding described_by(const api_document& document) {
  json::array tools;
  for (const auto& [name, operation] : document.operations)
    tools.push_back(operation.tool);
  const auto count = std::to_string(tools.size());
  json::object all{{"tools", std::move(tools)}};
  return {standing::not_asked, count + " operations, of its OpenAPI document", std::move(all)};
}

// An agent of another server: whether there is such an assistant.
finding check_agent(const questioner& q, const tool_source& source,
                    const credential_ptr& credential) {
  json::object wanted{{"graph_id", source.assistant}, {"limit", 1}};
  auto reply = q.ask(source.service, credential, [&](const service_registry& all) {
    http_operation search{"POST", "/assistants/search", {}, wanted};
    return all.open(service_call{source.service, std::move(search)}, {});
  });
  if (reply && reply->status == 200 && reply->body.is_array() && reply->body.get_array().empty())
    reply = q.ask(source.service, credential, [&](const service_registry& all) {
      http_operation get{"GET", "/assistants/" + percent_encode(source.assistant)};
      return all.open(service_call{source.service, std::move(get)}, {});
    });
  if (!reply)
    return failed(reply.error().message);
  if (reply->status == 401 || reply->status == 403)
    return failed("it refuses the key: HTTP " + std::to_string(reply->status));
  if (reply->status != 200)
    return failed("it has no assistant '" + source.assistant + "': HTTP "
                  + std::to_string(reply->status));
  return {standing::fine, "has this assistant"};
}

// --- what is said ------------------------------------------------------------------------------

void print(const std::string& name, const finding& what) {
  const auto* how = what.how == standing::fine     ? "ok       "
                    : what.how == standing::failed ? "FAILED   "
                                                   : "not asked";
  std::printf("  %-20s %s  %s\n", name.c_str(), how, glance(what.says).c_str());
}

// An agent with its tools, as far as they are known here.
struct agent_here {
  std::shared_ptr<const declared_agent> agent;
  std::vector<service_tools> listed;
  tool_list offered;
  std::string unknown = {}; // a service whose tools are not known
};

agent_here agent_with_tools(const agent_options& options, const model_directory& models,
                            const std::map<std::string, finding>& services) {
  auto all = options.team;
  all.insert(all.begin(), options);
  agent_here here{declared(options, all)};
  for (const auto& box : here.agent->toolboxes)
    if (const auto at = services.find(box->name());
        at != services.end() && at->second.tools.is_object())
      here.listed.push_back({box->name(), at->second.tools});
    else if (const auto* known = box->known())
      here.listed.push_back({box->name(), *known});
    else
      here.unknown = box->name();
  tool_bounds bounds;
  bounds.tools = tools_beside_own(models, options.model);
  here.offered = make_tool_list(here.agent->sources, here.listed, bounds);
  return here;
}

// As people know it: by its service, unless it is this server's own.
std::string shown_name(std::string_view service, std::string_view tool) {
  return is_own(service) ? std::string(tool) : std::string(service) + "." + std::string(tool);
}

void print_tools(const agent_here& here) {
  const auto& [agent, listed, offered, unknown] = here;
  std::printf("  %s\n", agent->options.name.c_str());
  for (const auto& box : agent->toolboxes) {
    const auto at = std::find_if(listed.begin(), listed.end(),
                                 [&](const auto& one) { return one.service == box->name(); });
    if (at == listed.end())
      std::printf("    %s: its tools are not known here\n", box->name().c_str());
  }
  std::map<std::string, std::string> lines; // by the name shown
  for (const auto& tool : offered.tools) {
    auto line = told_about(agent->options, *agent->source(tool.service), tool);
    if (tool.as_told.name != tool.name)
      line += ", told to the model as " + tool.as_told.name;
    lines[shown_name(tool.service, tool.name)] = std::move(line);
  }
  for (const auto& one : listed)
    if (const auto* tools = member(one.listed.get_object(), "tools"); tools && tools->is_array())
      for (const auto& tool : tools->get_array())
        if (tool.is_object())
          lines.emplace(shown_name(one.service, string_or(tool.get_object(), "name")),
                        "not offered");
  for (const auto& [name, line] : lines)
    std::printf("    %-28s %s\n", glance(name).c_str(), printable(line).c_str());
  for (const auto& note : offered.notes)
    std::printf("    warning: %s\n", glance(note).c_str());
}

// Whether its provider takes the agent's tools and the form of its answer.
finding check_schemas(const questioner& q, const model_directory& models,
                      const credential_ptr& credential, const agent_here& here) {
  const auto& options = here.agent->options;
  auto question = short_question();
  for (const auto& tool : here.offered.tools)
    question.tools.push_back(tool.as_told);
  const auto count = std::to_string(question.tools.size());
  if (!options.response.schema.empty())
    response_form{options.response, options.model, &models, here.offered.tools}.ask_for_it(
      question);
  auto what = ask_shortly(q, *models.find(options.model), credential, std::move(question));
  if (what.how == standing::fine)
    what.says = options.model + " takes its " + count + (count == "1" ? " tool" : " tools");
  return what;
}

} // namespace

bool check_online(const config& c, const std::vector<agent_options>& agents,
                  const std::string& base, const validate_command& given) {
  auto services = c.services;
  for (auto& one : services)
    one.timeout = std::min<std::chrono::milliseconds>(one.timeout, time_for_one);
  auto registry = service_registry::create(std::move(services));
  if (!registry) {
    std::printf("  %s\n", registry.error().message.c_str());
    return false;
  }
  keys of_config{c, base, given};
  const questioner q{*registry, c.egress, std::chrono::steady_clock::now() + time_for_all};
  std::map<std::string, std::future<finding>> models, others;
  std::set<std::string> a2a;
  const auto begin = [&](const service_options& service, auto check) {
    auto key = of_config.of(service);
    return std::async(std::launch::async, [key = std::move(key), check, &given]() {
      if (key.why)
        return *key.why;
      finding what = check(key.writer);
      if (!key.whose.empty())
        what.says += ", as " + given.as + " of " + key.whose;
      return what;
    });
  };
  for (const auto& [name, model] : c.models.by_name)
    models[name] = begin(*registry->find(model_service(name)),
                         [&q, &model](const auto& key) { return check_model(q, model, key); });
  const auto embeds = [&](const std::string& service, const std::string& model, std::size_t dims) {
    return begin(*registry->find(service), [&q, service, model, dims](const auto& key) {
      return check_embeddings(q, service, model, dims, key);
    });
  };
  for (const auto& [name, id] : c.embedding_models)
    models[name] = embeds(model_service(name), id, 0);
  std::future<finding> index; // the store's, of an endpoint of its own or of one of the models
  if (const auto& of_store = c.system.store.index)
    index = embeds(std::string(embeddings_service), of_store->model, of_store->dims);
  for (const auto& one : c.services)
    if (!one.own && one.type == service_type::mcp)
      others[one.name] =
        begin(one, [&q, &one](const auto& key) { return check_service(q, one, key); });
  for (const auto& agent : c.agents)
    for (const auto& source : agent.tools)
      if (source.a2a)
        a2a.insert(source.service);
      else if (const auto name = source.service + ": " + source.assistant;
               !source.assistant.empty() && !others.contains(name))
        others[name] = begin(*registry->find(source.service), [&q, &source](const auto& key) {
          return check_agent(q, source, key);
        });
  for (const auto& name : a2a) // a question would begin a task, and a card needs no key
    others[name + ": a2a"] = std::async(std::launch::deferred, [] {
      return finding{standing::not_asked, "an agent that is asked by A2A"};
    });
  bool all_fine = true;
  if (!models.empty())
    std::printf("models\n");
  std::set<std::string> answering;
  for (auto& [name, pending] : models) {
    const auto what = pending.get();
    all_fine = all_fine && what.how != standing::failed;
    if (what.how == standing::fine)
      answering.insert(name);
    print(name, what);
  }
  if (index.valid()) {
    const auto what = index.get();
    all_fine = all_fine && what.how != standing::failed;
    std::printf("store\n");
    print("index", what);
  }
  std::map<std::string, finding> found;
  if (!others.empty() || !c.documents.empty())
    std::printf("services\n");
  for (const auto& [name, document] : c.documents)
    print(name, found[name] = described_by(*document));
  for (auto& [name, pending] : others) {
    found[name] = pending.get();
    all_fine = all_fine && found[name].how != standing::failed;
    print(name, found[name]);
  }
  std::vector<agent_here> all;
  for (const auto& one : c.agents) {
    const auto loaded = std::find_if(agents.begin(), agents.end(),
                                     [&](const auto& each) { return each.name == one.name; });
    all.push_back(agent_with_tools(loaded == agents.end() ? one : *loaded, c.models, found));
  }
  std::vector<std::pair<std::string, std::future<finding>>> schemas;
  for (const auto& one : all) {
    const auto& options = one.agent->options;
    if (schemas.size() < most_asked_with_tools && answering.contains(options.model)
        && one.unknown.empty() && !(one.offered.tools.empty() && options.response.schema.empty()))
      schemas.emplace_back(
        options.name, begin(*registry->find(model_service(options.model)),
                            [&](const auto& key) { return check_schemas(q, c.models, key, one); }));
  }
  if (!schemas.empty())
    std::printf("agents\n");
  for (auto& [name, pending] : schemas) {
    const auto what = pending.get();
    all_fine = all_fine && what.how != standing::failed;
    print(name, what);
  }
  if (!all.empty())
    std::printf("what users are asked to approve\n");
  for (const auto& one : all)
    print_tools(one);
  return all_fine;
}

} // namespace behalf

#include "actors/endpoints/missing_operations.hpp"

#include <initializer_list>

namespace behalf::endpoints {

const router<missing_operation>& missing_routes() {
  static const auto table = [] {
    router<missing_operation> all;
    struct operation {
      verb method;
      std::string_view pattern;
    };
    const auto add = [&](std::string_view instead, std::initializer_list<operation> operations) {
      for (const auto& [method, pattern] : operations) {
        auto why = "This server does not have " + std::string(to_string(method)) + ' '
                   + std::string(pattern) + " yet: " + std::string(instead);
        all.add(method, pattern, {method, pattern, std::move(why)});
      }
    };
    add("it has one assistant per graph, made when it starts; give a run its config and context "
        "instead",
        {{verb::post, "/assistants"},
         {verb::patch, "/assistants/{assistant_id}"},
         {verb::del, "/assistants/{assistant_id}"},
         {verb::post, "/assistants/{assistant_id}/versions"},
         {verb::post, "/assistants/{assistant_id}/latest"}});
    add("it does not describe graphs; search assistants to see which there are",
        {{verb::get, "/assistants/{assistant_id}/graph"},
         {verb::get, "/assistants/{assistant_id}/schemas"},
         {verb::get, "/assistants/{assistant_id}/subgraphs"},
         {verb::get, "/assistants/{assistant_id}/subgraphs/{namespace}"}});
    add("it changes a thread's state by runs alone; create a run with 'command.update'",
        {{verb::post, "/threads/{thread_id}/state"}});
    add("create a thread, and a run on it", {{verb::post, "/threads/{thread_id}/copy"}});
    add("delete threads one by one, or give them a 'ttl'", {{verb::post, "/threads/prune"}});
    add("what a thread takes is in the server's metrics",
        {{verb::get, "/threads/{thread_id}/storage"}});
    add("follow one run with GET /threads/{thread_id}/runs/{run_id}/stream",
        {{verb::get, "/threads/{thread_id}/stream"},
         {verb::post, "/threads/{thread_id}/stream/events"},
         {verb::get, "/threads/{thread_id}/stream/events"},
         {verb::post, "/threads/{thread_id}/commands"}});
    add("create the runs one by one", {{verb::post, "/runs/batch"}});
    add("cancel runs with POST /threads/{thread_id}/runs/{run_id}/cancel",
        {{verb::post, "/runs/cancel"}});
    add("a run that is cancelled stays; delete its thread",
        {{verb::del, "/threads/{thread_id}/runs/{run_id}"}});
    add("let something outside create the runs when they are due, or use 'after_seconds'",
        {{verb::post, "/runs/crons"},
         {verb::post, "/threads/{thread_id}/runs/crons"},
         {verb::post, "/runs/crons/search"},
         {verb::post, "/runs/crons/count"},
         {verb::get, "/runs/crons/{cron_id}"},
         {verb::patch, "/runs/crons/{cron_id}"},
         {verb::del, "/runs/crons/{cron_id}"}});
    add("search items with an empty 'namespace_prefix'", {{verb::post, "/store/namespaces"}});
    add("create a run instead", {{verb::post, "/mcp"},
                                 {verb::post, "/a2a/{assistant_id}"},
                                 {verb::get, "/.well-known/agent-card.json"},
                                 {verb::get, "/a2a/{assistant_id}/.well-known/agent-card.json"}});
    add("it serves no user interfaces", {{verb::post, "/ui/{graph_id}"}});
    return all;
  }();
  return table;
}

std::optional<std::string> missing_operation_at(const http_request& req) {
  const auto match = missing_routes().find(req);
  if (match.is != route_match::outcome::found)
    return std::nullopt;
  return missing_routes()[match.index].why;
}

} // namespace behalf::endpoints

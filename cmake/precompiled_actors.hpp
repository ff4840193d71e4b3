// What most files of actors/ include; see behalf_precompile_also.
#pragma once

#include "actors/admission/granted.hpp"
#include "actors/endpoints/body.hpp"
#include "actors/endpoints/routes.hpp"
#include "actors/endpoints/rows.hpp"
#include "actors/options.hpp"
#include "actors/outside/messages.hpp"
#include "actors/runs/messages.hpp"
#include "actors/runs/thread_states.hpp"
#include "actors/storage/messages.hpp"
#include "actors/storage/reads.hpp"
#include "actors/storage/scans.hpp"
#include "actors/threads/thread_pool.hpp"

// What sessions tell, on stderr.
#pragma once

#include "app/common/program.h"
#include "party/owner/listener.h"

namespace blindtuner::app {
using namespace party;

/// Warnings and notes as print_warning() and print_notes() have them, a progress bar a task.
Listener console_listener(const CommonOptions& common);

}  // namespace blindtuner::app

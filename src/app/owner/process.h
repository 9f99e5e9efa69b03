// Programs as processes of their own: the server's, for commands that play both parties, and this
// one for work whose memory is to be gone afterwards.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "app/common/program.h"

namespace blindtuner::app {

/// `named` if it is not empty, otherwise 'blindtuner-server' beside this program. Throws DataError.
std::filesystem::path server_program(const std::string& named);

/// This program.
std::filesystem::path own_program();

/// Runs a program to its end, with --quiet and --threads as they were given to this one. Lines that
/// it writes appear on our stderr behind "[party] ", with --quiet those of its stderr alone;
/// `meanwhile` is called a few times a second. When that throws, or this program is interrupted,
/// the process is ended first: asked to, then killed if it has not within half a second, stopped or
/// not. Throws DataError with the program's own message when it fails, or the system's when it
/// cannot be started.
void run_program(const CommonOptions& common, const std::filesystem::path& program,
                 const std::string& party, const std::vector<std::string>& arguments,
                 const std::function<void()>& meanwhile = {});

/// `extract` with these arguments, as a process of its own: the transformer's memory is gone before
/// keys are made. Throws like run_program.
void run_extract(const CommonOptions& common, std::vector<std::string> arguments);

}  // namespace blindtuner::app

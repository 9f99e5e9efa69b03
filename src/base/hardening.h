// What a program that holds secrets asks of the system at its start.
#pragma once

namespace blindtuner {

/// No core dumps, and no other process of the same user may read this one's memory (ptrace,
/// /proc/PID/mem); as much locked memory as the system's limit allows. With BLINDTUNER_DEBUG set in
/// the environment only the last, so that a debugger can attach. Children inherit the limits, and
/// the rest until they run another program.
void harden_process();

}  // namespace blindtuner

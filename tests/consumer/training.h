// What the server's program does, and what a module for another language does (here: Python's ctypes).
#pragma once

/// Trains with what is in a folder. 0: done; 1: not, and said why on stderr.
extern "C" __attribute__((visibility("default"))) int consumer_train(const char* folder);

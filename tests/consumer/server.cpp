// usage: consumer_server FOLDER
#include "training.h"

int main(int count, char** arguments) { return count == 2 ? consumer_train(arguments[1]) : 2; }

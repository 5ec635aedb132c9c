#include "work/proto.h"
#include "work/executor.h"

/* The same on trees with few cells to a node, which are high. */
#define TREE_WAYS 6
#include "test_tree.c"

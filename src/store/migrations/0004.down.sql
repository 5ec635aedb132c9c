DROP TABLE patch_move;
DROP TABLE patch;

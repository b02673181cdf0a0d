// Package social owns what people are to each other: friends, who follows whom, names that somebody gave another one, and blocks
// (block.go), which bar a member of a direct conversation from writing.
//
// Each of two people has a row about the other one, which lies with its owner, so that no change needs two databases at once. A row says
// what its owner wants (mine), which the owner alone writes, and what the other one wants (theirs), which is mirrored:
//
//	A requests          row of A about B                row of B about A
//	   │  1 commit      mine: wants, turn 1, due
//	   │  2 mirror                                      theirs: wants, turn 1       B's devices are told
//	   ▼  3 clear       mine: wants, turn 1
//	B accepts                                           mine: wants, turn 2, due    1 commit: they are friends
//	      2 mirror      theirs: wants, turn 2                                       A's devices are told
//	      3 clear                                       mine: wants, turn 2
//
// Step 1 is the commit point. What is lost behind it is completed by the sweeper ([Service.Run]), which looks for rows that are due. A turn
// is above all that its author had seen, and who ends something ends what has no higher turn ([Side]): so both rows come to the same
// whatever crossed on the way.
//
// In the life of a message it stands beside the first door: who may open a conversation with whom. It imports only chat. It has no locks.
package social

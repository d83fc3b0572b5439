// The careless way from a user's number to a uid: what CVE-2024-40635 was. usage: wrap NUMBER PROGRAM [ARG…]
#include <grp.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
  const uid_t uid = (uid_t)strtoull(argv[1], NULL, 10);
  if (argc < 3 || setgroups(0, NULL) != 0 || setresuid(uid, uid, uid) != 0) return 1;
  execv(argv[2], argv + 2);
  return 1;
}

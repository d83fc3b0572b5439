/** Both kernels from one file: the second machine waits for the first, and a file of its own would hold one of AVA's places meanwhile. */

import test from "ava";
import { declareGuestTests } from "./declare";

declareGuestTests(test, "6.1");
declareGuestTests(test, "6.12");

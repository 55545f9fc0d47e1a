"use strict";
document.documentElement.classList.add("live");

# The public headers' comments as Doxygen reads them: plain ones become documentation, the first is the file's, and the
# versioned namespace is left out of the names. What stands in code quotes or looks like a tag stays text.
1s@^// @/// \\file\n/// @
/^[[:space:]]*\/\//{
  s@\\(["'nx0])@\\\\\1@g
  s@<@\\<@g
  s@>@\\>@g
  s@#@\\#@g
}
s@^([[:space:]]*)//( |$)@\1///\2@
/^[[:space:]]*\/\/\//!s@([;,{)>0-9A-Za-z_}])([[:space:]]+)// (.*)$@\1\2///< \3@
s@::inline v0@@

# Reads a CSV with columns y, w (weight) and features; prints term, estimate,
# standard error and log-likelihood of R's glm, converged to the last digit.
# Text columns are factors whose first level in byte order is the reference.
arguments <- commandArgs(trailingOnly = TRUE)
invisible(Sys.setlocale("LC_COLLATE", "C"))
rows <- read.csv(arguments[1], stringsAsFactors = TRUE, na.strings = "NA")
rows$y <- rows$y == "t"
weights <- rows$w
rows$w <- NULL
# glm's tolerance for collinearity follows epsilon: not smaller than this, but
# started again from its own end
control <- glm.control(epsilon = 1e-8, maxit = 100)
fit <- suppressWarnings(glm(y ~ ., data = rows, family = binomial, weights = weights, control = control))
for (again in 1:2) {
    start <- coef(fit)
    start[is.na(start)] <- 0
    fit <- suppressWarnings(glm(y ~ ., data = rows, family = binomial, weights = weights,
                                control = control, start = start))
}
estimates <- coef(fit)
errors <- rep(NA, length(estimates))
errors[!is.na(estimates)] <- sqrt(diag(vcov(fit, complete = FALSE)))
p <- fitted(fit)
loglik <- sum(weights * ifelse(rows$y, log(p), log1p(-p)))
for (i in seq_along(estimates))
    cat(sprintf("%s,%.17g,%.17g\n", names(estimates)[i], estimates[i], errors[i]))
cat(sprintf("loglik,%.17g,0\n", loglik))
